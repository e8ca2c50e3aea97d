"""Where else a training's numbers go: one file a tracker, loaded when it is asked for."""
