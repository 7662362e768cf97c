"""Methods of other libraries, and the refinement that makes their answers exact."""
