"""Container images that a node needs before any job asks for one."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


def loaded(name: str, archive: str) -> dict[str, Any]:
    """Docker on this node has the image; otherwise it is loaded from ``archive``.

    .. code-block:: yaml

        The pause image is loaded:
          container_image.loaded:
            - name: saltern/pause:1.0.0
            - archive: /opt/saltern/pause/1.0.0/pause.tar

    :param name: ``name:tag`` of the image.
    :param archive: path of an archive in ``docker save`` format on this node.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": True, "comment": "the image is there"}
    change = {"image": {"old": None, "new": name}}
    try:
        if __salt__["container_image.present"](name):
            return ret
        if __opts__["test"]:
            return {**ret, "result": None, "changes": change, "comment": f"would load {archive}"}
        __salt__["container_image.load"](name, archive)
    except CommandExecutionError as error:
        # A Docker that a dry run would start does not answer yet.
        return {**ret, "result": None if __opts__["test"] else False, "comment": str(error)}
    return {**ret, "changes": change, "comment": f"loaded {archive}"}
