"""Do attribution methods agree, find what was planted, and depend on what the model has learned?"""
