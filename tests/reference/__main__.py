"""Write the reference."""

from tests.reference.pages import FILES
from tests.reference.places import ROOT

for path, text in FILES.items():
    (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / path).write_text(text(), "utf-8")
