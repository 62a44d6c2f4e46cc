"""Build: settings become open pipelines. The one room where all parts meet."""
