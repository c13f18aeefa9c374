"""Clinical decision support for vertebral marrow oedema: reads spine MRI reports and answers CDS Hooks calls."""

__version__ = "0.1.0"
