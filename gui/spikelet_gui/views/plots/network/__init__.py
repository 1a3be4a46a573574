"""Drawing of the network: blocks, branches, and the view that pans, zooms and searches."""
