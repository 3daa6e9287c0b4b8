"""Container images of this node's Docker. The state ``container_image.loaded`` is what is normally used."""

from __future__ import annotations

from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltern.clients import docker
from saltern.errors import told_as


def present(name: str) -> bool:
    """Whether Docker on this node has the image.

    CLI Example:

    .. code-block:: bash

        salt-call container_image.present saltern/pause:1.0.0

    Rights: root on the node.

    :param name: ``name:tag`` of the image.
    :raises CommandExecutionError: Docker does not answer.
    """
    with told_as(CommandExecutionError):
        return docker.has_image(name)


def load(name: str, archive: str) -> None:
    """Loads an image from an archive in ``docker save`` format.

    CLI Example:

    .. code-block:: bash

        salt-call container_image.load saltern/pause:1.0.0 /opt/saltern/pause/1.0.0/pause.tar

    Rights: root on the node.

    :param name: ``name:tag`` that the archive must bring.
    :param archive: path of the archive on this node.
    :raises CommandExecutionError: the archive is missing, broken, or of another image.
    """
    with told_as(CommandExecutionError):
        docker.load_image(name, Path(archive))
