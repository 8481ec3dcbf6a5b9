"""Do attribution methods agree, recover planted elements, and depend on what the model has learned?"""
