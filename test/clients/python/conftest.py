import os
import uuid

import pytest


@pytest.fixture
def url():
    """A live server's address."""
    return os.environ["STEPD_URL"]


@pytest.fixture
def run():
    """A session's name that no other test has."""
    return f"python-{uuid.uuid4()}"
