"""HTTP doors: health, metrics, webhooks and the REST API."""
