"""What a search came to, looked at afterwards: its champion verified on unseen text, and taken apart."""
