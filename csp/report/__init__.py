"""Tables, figures and exports of a landscape."""
