"""Albums: many tracks chosen, mastered and written unattended, on one machine or several."""
