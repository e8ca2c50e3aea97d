"""Nothing of the machine or the person that wrote a line stays in it."""

from __future__ import annotations

import re
import subprocess

from tests.house.tree import CODE_FOLDERS, ROOT, files_under, relative

PRIVATE = {
    "a private address": r"\b(10\.\d{1,3}|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b",
    "a path of somebody's machine": r"(?<![\w.])/((home|Users)/(?!USER|you\b)\w[\w-]*|root|work)/",
    "a host name of a private network": r"\b[\w-]+\.(local|internal|lan|corp|intranet)\b(?!\()",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}",
    "an API key": r"\b(sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|xox[bp]-[\w-]{10,})",
    "a GitHub token": r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "credentials in a URL": r"://(?!USER:PASSWORD@)[^/\s:@{}]+:[^/\s:@{}]+@",
}
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".yml",
    ".yaml",
    ".json",
    ".html",
    ".css",
    ".js",
    ".ts",
    ".tsx",
    ".sh",
    ".cfg",
    "",
}
# It holds the patterns, and matches them.
SELF = "tests/house/test_no_private_hosts_or_secrets.py"


def _kept_files():
    if not (ROOT / ".git").exists():  # an unpacked source archive
        return [path for folder in CODE_FOLDERS for path in files_under(ROOT / folder, *TEXT) if relative(path) != SELF]
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in names.split("\0") if name and name != SELF and (ROOT / name).is_file()]


def _findings(text):
    return [what for what, pattern in PRIVATE.items() if re.search(pattern, text)]


def test_the_patterns_find_what_they_are_for():
    assert _findings("host = '192.168.1.7'") == ["a private address"]
    assert _findings("open('/home/ada/models/x')") == ["a path of somebody's machine"]
    assert _findings("http://gpu-box.internal:8000") == ["a host name of a private network"]
    assert _findings("token = 'hf_" + "a" * 34 + "'") == ["a Hugging Face token"]
    assert _findings("postgresql://me:" + "secret@db") == ["credentials in a URL"]
    assert not _findings("http://127.0.0.1:8000 threading.local() version 10.2.0")


def test_no_kept_file_holds_a_private_host_a_private_path_or_a_secret():
    files = _kept_files()
    found = {
        relative(path): hits
        for path in files
        if path.suffix in TEXT and (hits := _findings(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert len(files) > 20
    assert not found
