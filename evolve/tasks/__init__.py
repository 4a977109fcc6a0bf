"""What is optimised: the data, the metric, and the trusted arithmetic that scores a variant's answers."""
