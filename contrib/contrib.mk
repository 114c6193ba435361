# Guest images, the demo, installation.
