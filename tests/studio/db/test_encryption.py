import subprocess
import sys

from mistudio.studio.db.encryption import decrypt, encrypt

ENCRYPT = """
import sys
from pathlib import Path
from mistudio.studio.db.encryption import encrypt
sys.stdin.readline()
sys.stdout.buffer.write(encrypt(Path(sys.argv[1]), sys.argv[2]))
"""


def test_processes_that_find_no_key_agree_on_one(tmp_path):
    key = tmp_path / "home" / "secret.key"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ENCRYPT, str(key), f"secret {number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for number in range(4)
    ]
    encrypted = [process.communicate(b"\n")[0] for process in processes]
    assert [decrypt(key, each) for each in encrypted] == [f"secret {number}" for number in range(4)]
    assert [path.name for path in key.parent.iterdir()] == ["secret.key"]


def test_the_same_secret_is_never_written_twice_alike(tmp_path):
    assert encrypt(tmp_path / "key", "word") != encrypt(tmp_path / "key", "word")
