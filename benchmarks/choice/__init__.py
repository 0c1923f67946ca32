"""What the choice is worth: invented worlds, real logs, other learners beside it, speed."""
