"""Other libraries' words stay at the edge: inside, a hook point has one name."""

from __future__ import annotations

import ast
import re

from tests.house.tree import SOURCE, product_files, relative, string_constants, syntax_of

FOREIGN = re.compile(
    r"\bhook_(resid_(pre|mid|post)|mlp_(in|out)|attn_(in|out)|z|q|k|v|normalized|embed|point(_layer|_head_index)?)\b"
    r"|(?<![\w.])blocks\.\d"
)
EDGE = SOURCE / "interop"
# file: why it must speak another library's language. The list may only shrink.
EXCEPTIONS = {
    "src/mistudio/sae/native_file.py": "it writes SAELens' cfg.json, so that every SAE opens there without an export",
}


def _foreign_words(source: ast.Module) -> set[str]:
    texts = [node.value for node in string_constants(source)]
    texts += [node.id for node in ast.walk(source) if isinstance(node, ast.Name)]
    texts += [node.attr for node in ast.walk(source) if isinstance(node, ast.Attribute)]
    texts += [node.arg for node in ast.walk(source) if isinstance(node, ast.arg | ast.keyword) and node.arg]
    return {text for text in texts if FOREIGN.search(text)}


def test_the_walk_sees_foreign_words_in_strings_names_and_f_strings():
    assert _foreign_words(ast.parse('x = "blocks.3.hook_resid_post"'))
    assert _foreign_words(ast.parse('x = f"blocks.{layer}.hook_mlp_out"'))
    assert _foreign_words(ast.parse("hook_resid_pre = 1"))
    assert not _foreign_words(ast.parse('"""Other libraries say blocks.3.hook_resid_post."""\nx = "resid_post.3"'))


def test_foreign_hook_names_stand_only_at_the_edge():
    found = {
        relative(path): words
        for path in product_files()
        if EDGE not in path.parents and (words := _foreign_words(syntax_of(path)))
    }
    assert set(found) <= set(EXCEPTIONS), (
        f"map these names in interop/: { {k: v for k, v in found.items() if k not in EXCEPTIONS} }"
    )
    assert set(EXCEPTIONS) <= set(found), "an exception is no longer needed: remove it"
