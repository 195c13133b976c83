"""One file a step, frozen once it was released; a later change is a new step."""
