# Slicer's file of this name does what the tests do not need.
