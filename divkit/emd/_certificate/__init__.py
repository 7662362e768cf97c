"""What separates an answer from an optimum: the certificate, and the rule by which it is judged."""
