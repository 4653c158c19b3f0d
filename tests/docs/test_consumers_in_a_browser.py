"""The JavaScript example of docs/consumers.md in Chromium, from a real S3 server."""

import datetime as dt
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from railwatch.publication import publish_content
from railwatch.store import FolderStore
from railwatch.testing.five_years import FiveYears, place

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "build/zarrita"
VERSION = "0.7.5"
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def modules():
    """zarrita and what it needs, from npm; kept under build/."""
    stamp = MODULES / "node_modules/zarrita/package.json"
    if not stamp.exists() or json.loads(stamp.read_text())["version"] != VERSION:
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm on this machine: apt-get install npm")
        MODULES.mkdir(parents=True, exist_ok=True)
        install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", f"zarrita@{VERSION}"]
        done = subprocess.run(
            [npm, *install], cwd=MODULES, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode:
            pytest.skip(f"npm cannot install zarrita {VERSION}: {done.stderr.strip()[-200:]}")
    return MODULES / "node_modules"


def chosen(targets):
    """The file that a browser takes of the alternatives a package offers."""
    if isinstance(targets, dict):
        return chosen(targets.get("browser") or targets.get("import") or targets.get("default"))
    return targets


def entries(modules):
    """Where a browser finds each package: its `exports`, as an import map."""
    found = {}
    for package in modules.glob("**/package.json"):
        said = json.loads(package.read_text())
        name, exports = said.get("name"), said.get("exports")
        if not name or package.parent != modules / name:
            continue
        for path, targets in exports.items() if isinstance(exports, dict) else ():
            target = chosen(targets)
            if target is not None and path.startswith(".") and "*" not in path:
                key = name + path[1:]
                found[key] = f"../modules/{name}/{target.removeprefix('./')}"
    return found


def test_the_javascript_example_reads_the_store(browser, public_store, modules, tmp_path):
    """zarrita in a page gives the probabilities of the last scene that xarray gives."""
    (example,) = re.findall(r"```js\n(.*?)```", (ROOT / "docs/consumers.md").read_text(), re.DOTALL)
    store, address = public_store()
    publish_content(store, FiveYears(place(), 6).content(), NOW)
    for file in modules.rglob("*.js"):
        key = f"modules/{file.relative_to(modules)}"
        store.put(key, file.read_bytes(), content_type="text/javascript")
    imports = json.dumps({"imports": entries(modules)})
    html = (
        "<!doctype html><link rel=icon href='data:,'>"
        f"<script type=importmap>{imports}</script><script type=module>"
        f"const STORE = location.href.replace('/page/index.html', '');\n{example}\n"
        "window.found = {shape: last.shape, data: [...last.data], sidings: [...sidings.data]};"
        "</script>"
    )
    store.put("page/index.html", html.encode(), content_type="text/html")
    page = browser.new_page()
    complaints = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("response", lambda r: r.ok or complaints.append(f"{r.status} {r.url}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address + "page/index.html")
    for _ in range(200):
        if complaints or page.evaluate("window.found !== undefined"):
            break
        page.wait_for_timeout(50)

    assert complaints == []
    found = page.evaluate("window.found")
    page.close()
    beside = FolderStore(tmp_path)
    done = publish_content(beside, FiveYears(place(), 6).content(), NOW)
    cube = tmp_path / "areas/tumangang/publications" / done.id / "cube.zarr"
    told = xr.open_zarr(cube, group="sentinel-2-l2a-10m/occupancy", chunks=None)
    last = told["probability"].isel(time=-1)
    assert found["sidings"] == told["siding"].to_numpy().tolist()
    assert found["shape"] == list(last.shape)
    got = np.array(found["data"], dtype=np.float32).reshape(last.shape)
    np.testing.assert_array_equal(got, last.to_numpy())
