"""What people do to an installation: diagnose it, set it up."""
