"""A sweep and each job from request to report: brings runtime, tracking and report together."""
