"""Doubles that consumers of the library may use too: emulator, scenery, contract tests."""
