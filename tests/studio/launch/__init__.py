"""Starting, watching and stopping the studio's processes."""
