"""The pages: ``access`` says who may, ``guard`` stands before every request, ``app`` has the routes, ``serve`` puts them together."""
