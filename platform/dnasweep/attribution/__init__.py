"""Why a model calls a sequence as it does: the estimators, and the engine that makes them fast."""
