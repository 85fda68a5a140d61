"""What programs read: the embed and robots.txt. The API's description is checked with the API."""

from __future__ import annotations

from tests.webapp.world import Browser


def test_the_embed_is_one_script_for_any_site(anyone: Browser) -> None:
    response = anyone.get("/embed.js")
    script = response.get_data(as_text=True)
    assert response.mimetype == "text/javascript"
    assert "max-age" in response.headers["Cache-Control"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in response.headers
    assert "import " not in script.replace("imports nothing", "")
    assert "export " not in script
    assert "innerHTML" not in script
    assert "document.cookie" not in script
    assert 'credentials: "omit"' in script


def test_robots_stay_out_of_tickets(anyone: Browser) -> None:
    assert "Disallow: /tickets" in anyone.page("/robots.txt")
