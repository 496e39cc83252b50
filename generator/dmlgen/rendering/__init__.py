"""From a plan to a finished dataset: workers render, a store keeps, a writer assembles."""
