"""What a long run on one machine needs: work over processes, and telling how it goes."""
