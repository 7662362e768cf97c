"""Methods of other libraries, and what makes their answers exact."""
