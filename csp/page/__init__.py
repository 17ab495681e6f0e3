"""The report as one web page that opens from disk."""
