"""tune, in rooms: a trial's fits (bench), a fold's search (search), all of them (race), what is left (results)."""
