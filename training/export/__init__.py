"""From trained weights to the served artifact: graph, card, reference and the card's page."""
