"""The training and test rows of a contest: ids, roles of columns, paths of images."""
