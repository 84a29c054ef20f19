"""What a cloud is asked about itself: its models, inference profiles, what an ARN stands for."""
