buildCharts();
buildMap();
buildTable();
buildEvidence();
drawSensitivity();
