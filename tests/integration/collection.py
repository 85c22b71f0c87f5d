"""Ansible's own importer, which finds collections where ansible.cfg says."""

from __future__ import annotations

from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig


def make_importable() -> None:
    """Once in a process: a second importer would not see what the first one has loaded."""
    if not AnsibleCollectionConfig.collection_finder:
        init_plugin_loader()
