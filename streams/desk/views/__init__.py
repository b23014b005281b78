"""What each page and each report shows, worked out from the book: plain values, no HTML but the pictures."""
