"""What experiments about learning share: data, learners, small models beside nets."""
