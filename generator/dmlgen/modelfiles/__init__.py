"""Files of strangers, checked and made safe before Blender reads them. Needs no Blender."""
