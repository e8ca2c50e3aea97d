"""The command line: thin verbs over the library. The only room that draws on the terminal."""
