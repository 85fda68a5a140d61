"""HTML: parsed, stripped of the site around it, cut into sections, and made safe."""
