"""The least that a hook endpoint in Python can do: parse the JSON, answer a card that never changes."""

import orjson
from flask import Flask, Response, request

CARD = orjson.dumps(
    {"cards": [{"summary": "Nothing was looked at", "indicator": "info", "source": {"label": "Floor"}, "uuid": "0"}]}
)
app = Flask(__name__)


@app.post("/cds-services/<service_id>")
def call(service_id: str) -> Response:
    """Parse what came and answer the card."""
    del service_id
    orjson.loads(request.get_data(cache=False))
    return Response(CARD, mimetype="application/json")
