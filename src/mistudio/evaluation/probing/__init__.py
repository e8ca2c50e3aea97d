"""What latents know of labels that people gave: sparse probing, targeted perturbation, spelling, absorption."""
