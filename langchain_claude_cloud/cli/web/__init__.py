"""The web demo: one page that shows an answer, and a file, while the model writes them."""
