"""The page that shows a batch for review, as one HTML file."""
