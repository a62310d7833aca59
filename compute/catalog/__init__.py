"""What there is to run on: flavors and pools of this installation."""
