"""What analysts and labels teach: rulings, and how the shipped prior is fitted."""
