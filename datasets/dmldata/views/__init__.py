"""A dataset as other libraries know one; see the methods `to_...` of `dmldata.dataset.Dataset`."""
