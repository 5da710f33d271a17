"""The panel's sections: each connects some of its widgets, and knows of the others only what it was given."""
