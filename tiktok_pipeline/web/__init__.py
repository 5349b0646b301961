"""What every page server of this machine needs: a guard against other pages and other machines."""
